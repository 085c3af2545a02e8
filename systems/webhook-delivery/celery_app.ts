// What `celery -A celery_app` loads: the app, its tasks and its schedule.
import './tasks/webhook_delivery.js'

export { app } from './app.js'
