export { type PortalOptions, portalApp } from './portal-app.js'
