// What `celery -A app.core.celery_app` loads: the app with all of its tasks.
import '../tasks/ai-tasks.js'
import '../tasks/billing-tasks.js'
import '../tasks/data-tasks.js'
import './checks.js'

export { app } from './app.js'
