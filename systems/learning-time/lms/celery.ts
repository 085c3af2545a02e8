// What `celery -A lms.celery` loads: the app with all of its tasks.
import '../channel_integrations/integrated_channel/tasks.js'
import './checks.js'

export { app } from './app.js'
