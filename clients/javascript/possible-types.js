// Made from schema.graphql by `make schema`; do not edit.
export const possibleTypes = {
  DomainLoginChange: ["DomainLoginAdded", "DomainLoginDeleted", "DomainLoginUpdated", "FeedState"],
  PolicyChange: ["FeedState", "PolicyAdded", "PolicyDeleted", "PolicyUpdated"],
  ScheduleChange: ["FeedState", "ScheduleAdded", "ScheduleDeleted", "ScheduleUpdated"],
};
