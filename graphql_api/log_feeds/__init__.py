"""Insert-only tables, followed by an index: nothing is held of them but what may still be inserted.

A log is a table whose rows are inserted and never changed. Each row belongs to a partition (the job
of a response), and has a sequence number, which grows. An index of partition and sequence gives the
rows in order.

```
             settled                    │  unsettled: another may still come between them
 ───────────────────────────────────────┼──────────────────────────────
 read from the index, at any pace       │  known to the window, in the order of their arrival
                                      floor
```

Rows become visible out of order, but a row is visible at most `bound_s` after one with a higher
sequence. So what was seen that long ago has nothing below it that is not visible: it is settled,
and a cursor that names it means the same on every server.
"""
