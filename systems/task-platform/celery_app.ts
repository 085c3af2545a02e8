// What `celery -A celery_app` loads: the app with all of its tasks.
import './app/workers/billing.js'
import './app/workers/dead-letter.js'
import './app/workers/kyb.js'
import './app/workers/monitoring.js'
import './app/workers/notifications.js'
import './app/checks.js'

export { app, createCeleryApp } from './app/celery.js'
