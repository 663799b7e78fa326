/** How long to wait before the next try: longer each time up to half a minute, and by chance less. */
export function waitMs(retries) {
  return Math.min(1000 * 2 ** retries, 30_000) * (1 - Math.random() / 2);
}
