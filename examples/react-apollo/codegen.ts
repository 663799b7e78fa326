import { codegen } from 'graphql-api-client/codegen';
export default codegen();
