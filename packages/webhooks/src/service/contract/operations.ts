import { createRoute, type z } from '@hono/zod-openapi'
import * as request from './requests.js'
import * as value from './values.js'

/** The rights of an API key. */
export const SCOPES = [
  'endpoints:read',
  'endpoints:write',
  'events:read',
  'events:write',
  'deliveries:read',
  'deliveries:write',
  'portal:write',
] as const

/** A right of an API key. */
export type Scope = (typeof SCOPES)[number]

const answer = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})
const body = <T extends z.ZodType>(schema: T) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})
const optionalBody = <T extends z.ZodType>(schema: T) => ({
  body: { required: false, content: { 'application/json': { schema } } },
})
const problems = { default: answer(value.ProblemValue, 'An error, in the one shape of all errors') }
const of = (scope: Scope, tag: string, operationId: string, summary: string) => ({
  operationId,
  summary,
  tags: [tag],
  security: [{ apiKey: [scope] }],
})

export const OPERATIONS = {
  listEventTypes: createRoute({
    ...of('events:read', 'Event types', 'listEventTypes', 'The catalogue of event types'),
    method: 'get',
    path: '/v1/event-types',
    responses: { 200: answer(value.EventTypesValue, 'The types'), ...problems },
  }),
  createEndpoint: createRoute({
    ...of(
      'endpoints:write',
      'Endpoints',
      'createEndpoint',
      'Registers an endpoint, and shows its secrets once',
    ),
    method: 'post',
    path: '/v1/endpoints',
    request: body(request.NewEndpointBody),
    responses: { 201: answer(value.CreatedEndpointValue, 'The endpoint'), ...problems },
  }),
  listEndpoints: createRoute({
    ...of('endpoints:read', 'Endpoints', 'listEndpoints', 'Endpoints, the newest first'),
    method: 'get',
    path: '/v1/endpoints',
    request: { query: request.EndpointsQuery },
    responses: { 200: answer(value.EndpointPage, 'A page'), ...problems },
  }),
  getEndpoint: createRoute({
    ...of('endpoints:read', 'Endpoints', 'getEndpoint', 'An endpoint'),
    method: 'get',
    path: '/v1/endpoints/{id}',
    request: { params: request.IdPath },
    responses: { 200: answer(value.EndpointValue, 'The endpoint'), ...problems },
  }),
  updateEndpoint: createRoute({
    ...of('endpoints:write', 'Endpoints', 'updateEndpoint', 'Changes the fields that are given'),
    method: 'patch',
    path: '/v1/endpoints/{id}',
    request: { params: request.IdPath, ...body(request.EndpointChangesBody) },
    responses: { 200: answer(value.EndpointValue, 'The endpoint'), ...problems },
  }),
  deleteEndpoint: createRoute({
    ...of(
      'endpoints:write',
      'Endpoints',
      'deleteEndpoint',
      'Deletes an endpoint: waiting deliveries are cancelled, its history stays',
    ),
    method: 'delete',
    path: '/v1/endpoints/{id}',
    request: { params: request.IdPath },
    responses: { 204: { description: 'It is deleted' }, ...problems },
  }),
  listSecrets: createRoute({
    ...of('endpoints:read', 'Endpoints', 'listSecrets', 'The secrets that sign, without their texts'),
    method: 'get',
    path: '/v1/endpoints/{id}/secrets',
    request: { params: request.IdPath },
    responses: { 200: answer(value.SecretsValue, 'The secrets'), ...problems },
  }),
  rotateSecret: createRoute({
    ...of(
      'endpoints:write',
      'Endpoints',
      'rotateSecret',
      'Makes a new secret; the old one signs beside it for a day',
    ),
    method: 'post',
    path: '/v1/endpoints/{id}/secrets',
    request: { params: request.IdPath, ...optionalBody(request.RotateBody) },
    responses: { 201: answer(value.NewSecretValue, 'The new secret, shown once'), ...problems },
  }),
  testEndpoint: createRoute({
    ...of('endpoints:write', 'Endpoints', 'testEndpoint', 'Sends it a test event'),
    method: 'post',
    path: '/v1/endpoints/{id}/test',
    request: { params: request.IdPath, ...optionalBody(request.TestBody) },
    responses: { 202: answer(value.SentEventValue, 'The event is stored'), ...problems },
  }),
  sendEvent: createRoute({
    ...of(
      'events:write',
      'Events',
      'sendEvent',
      'Stores an event, and sends it to every endpoint of its type',
    ),
    method: 'post',
    path: '/v1/events',
    request: body(request.NewEventBody),
    responses: { 202: answer(value.SentEventValue, 'The event is stored'), ...problems },
  }),
  listEvents: createRoute({
    ...of('events:read', 'Events', 'listEvents', 'Events, the newest first'),
    method: 'get',
    path: '/v1/events',
    request: { query: request.EventsQuery },
    responses: { 200: answer(value.EventPage, 'A page'), ...problems },
  }),
  getEvent: createRoute({
    ...of('events:read', 'Events', 'getEvent', 'An event'),
    method: 'get',
    path: '/v1/events/{id}',
    request: { params: request.IdPath },
    responses: { 200: answer(value.EventValue, 'The event'), ...problems },
  }),
  getEventBody: createRoute({
    ...of('events:read', 'Events', 'getEventBody', 'The bytes that are signed and sent'),
    method: 'get',
    path: '/v1/events/{id}/body',
    request: { params: request.IdPath },
    responses: {
      200: {
        description: 'The bytes, unchanged',
        content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
      },
      ...problems,
    },
  }),
  listDeliveries: createRoute({
    ...of('deliveries:read', 'Deliveries', 'listDeliveries', 'Deliveries, the newest first'),
    method: 'get',
    path: '/v1/deliveries',
    request: { query: request.DeliveriesQuery },
    responses: { 200: answer(value.DeliveryPage, 'A page'), ...problems },
  }),
  getDelivery: createRoute({
    ...of('deliveries:read', 'Deliveries', 'getDelivery', 'A delivery'),
    method: 'get',
    path: '/v1/deliveries/{id}',
    request: { params: request.IdPath },
    responses: { 200: answer(value.DeliveryValue, 'The delivery'), ...problems },
  }),
  replayDelivery: createRoute({
    ...of(
      'deliveries:write',
      'Deliveries',
      'replayDelivery',
      'Makes one more attempt, with the same webhook-id',
    ),
    method: 'post',
    path: '/v1/deliveries/{id}/replay',
    request: { params: request.IdPath },
    responses: { 202: answer(value.AcceptedValue, 'It is on its way'), ...problems },
  }),
  cancelDelivery: createRoute({
    ...of('deliveries:write', 'Deliveries', 'cancelDelivery', 'Cancels a delivery that waits'),
    method: 'post',
    path: '/v1/deliveries/{id}/cancel',
    request: { params: request.IdPath },
    responses: { 200: answer(value.DeliveryValue, 'The delivery'), ...problems },
  }),
  listAttempts: createRoute({
    ...of(
      'deliveries:read',
      'Deliveries',
      'listAttempts',
      'Attempts with their responses, of a delivery, an event or an endpoint, the newest first',
    ),
    method: 'get',
    path: '/v1/attempts',
    request: { query: request.AttemptsQuery },
    responses: { 200: answer(value.AttemptPage, 'A page'), ...problems },
  }),
  replayDeliveries: createRoute({
    ...of(
      'deliveries:write',
      'Deliveries',
      'replayDeliveries',
      'Replays deliveries of an endpoint from a period',
    ),
    method: 'post',
    path: '/v1/replays',
    request: body(request.ReplayBody),
    responses: { 202: answer(value.AcceptedValue, 'It is on its way'), ...problems },
  }),
  createPortalLink: createRoute({
    ...of('portal:write', 'Portal', 'createPortalLink', 'A short-lived link to the tenant’s portal'),
    method: 'post',
    path: '/v1/portal-links',
    request: optionalBody(request.PortalLinkBody),
    responses: { 201: answer(value.PortalLinkValue, 'The link'), ...problems },
  }),
  getKeySet: createRoute({
    operationId: 'getKeySet',
    summary: 'The public keys of an endpoint’s v1a secrets, for its receiver',
    tags: ['Public'],
    security: [],
    method: 'get',
    path: '/.well-known/webhook-keys/{id}',
    request: { params: request.IdPath },
    responses: { 200: answer(value.KeySetValue, 'A JSON Web Key Set'), ...problems },
  }),
  getHealth: createRoute({
    operationId: 'getHealth',
    summary: 'Whether the service can work',
    tags: ['Public'],
    security: [],
    method: 'get',
    path: '/health',
    responses: {
      200: answer(value.HealthValue, 'It can'),
      503: answer(value.HealthValue, 'Its store does not answer'),
    },
  }),
} as const
