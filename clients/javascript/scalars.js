// Made from schema.graphql by `make schema`; do not edit.
export const scalars = {
  DateTime: "string",
  SequenceNumber: "number",
};
