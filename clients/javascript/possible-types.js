// Made from schema.graphql by `make schema`; do not edit.
export const possibleTypes = {
  CaptchaSolverChange: ["CaptchaSolverAdded", "CaptchaSolverDeleted", "CaptchaSolverUpdated", "FeedState"],
  DomainLoginChange: ["DomainLoginAdded", "DomainLoginDeleted", "DomainLoginUpdated", "FeedState"],
  JobChange: ["FeedState", "JobAdded", "JobDeleted", "JobUpdated"],
  PolicyChange: ["FeedState", "PolicyAdded", "PolicyDeleted", "PolicyUpdated"],
  RateLimitChange: ["FeedState", "RateLimitAdded", "RateLimitDeleted", "RateLimitUpdated"],
  ScheduleChange: ["FeedState", "ScheduleAdded", "ScheduleDeleted", "ScheduleUpdated"],
};
