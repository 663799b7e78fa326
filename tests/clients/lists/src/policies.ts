/** What every list here asks for, typed by graphql-codegen. */

import { graphql } from './gql';

export const POLICIES = graphql(`
  subscription Policies($where: PolicyFilter) {
    policyChanges(where: $where) {
      ... on FeedState { status cursor }
      ... on PolicyAdded { policy { id name } cursor }
      ... on PolicyUpdated { policy { id name } cursor }
      ... on PolicyDeleted { policyId cursor }
    }
  }
`);

/** The other tables, each with a selection of its own: only their types are looked at. */
export const SCHEDULES = graphql(`
  subscription Schedules {
    scheduleChanges {
      ... on FeedState { status cursor }
      ... on ScheduleAdded { schedule { id enabled policy { name } } cursor }
      ... on ScheduleUpdated { schedule { id enabled policy { name } } previous { enabled } cursor }
      ... on ScheduleDeleted { scheduleId previous { enabled } cursor }
    }
  }
`);

export const LOGINS = graphql(`
  subscription Logins {
    domainLoginChanges {
      ... on FeedState { status cursor }
      ... on DomainLoginAdded { domainLogin { id users { username } } cursor }
      ... on DomainLoginUpdated { domainLogin { id users { username } } cursor }
      ... on DomainLoginDeleted { domain cursor }
    }
  }
`);
