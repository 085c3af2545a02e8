// What `celery -A consultantos.jobs.celery_app` loads: the app with all of its tasks.
import './tasks.js'
import './checks.js'

export { app } from './app.js'
