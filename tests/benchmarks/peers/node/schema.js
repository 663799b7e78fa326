/** The part of schema.graphql that the benchmarks use. */

import { buildSchema } from 'graphql';

/** The schema, whose only subscription is served from a feed. */
export function schemaOver(feed) {
  const schema = buildSchema(SDL);
  const { policyChanges } = schema.getSubscriptionType().getFields();
  policyChanges.subscribe = (_, args) => feed.changes(args);
  return schema;
}

const SDL = `
  scalar DateTime

  type Query {
    version: String
  }

  type Subscription {
    policyChanges(
      where: PolicyFilter
      includeInitial: Boolean! = true
      since: String
    ): PolicyChange!
  }

  input PolicyFilter {
    ids: [ID!]
    nameContains: String
  }

  union PolicyChange = PolicyAdded | PolicyUpdated | PolicyDeleted | FeedState

  type PolicyAdded {
    policy: Policy!
  }

  type PolicyUpdated {
    policy: Policy!
  }

  type PolicyDeleted {
    policyId: ID!
  }

  type FeedState {
    status: String!
  }

  type Policy {
    id: ID!
    name: String
    createdAt: DateTime
    updatedAt: DateTime
    captchaSolverId: ID
    authentication: PolicyAuthentication
    limits: PolicyLimits
    robotsTxt: PolicyRobotsTxt
  }

  type PolicyAuthentication {
    enabled: Boolean
  }

  type PolicyLimits {
    maxCost: Float
    maxDuration: Float
    maxItems: Float
  }

  type PolicyRobotsTxt {
    usage: RobotsTxtUsage
  }

  enum RobotsTxtUsage {
    OBEY
    INVERT
    IGNORE
  }
`;
