import type { Lovage } from 'lovage'
import { type DlqMonitor, getDlqMonitor as monitorOf } from 'lovage/compat'
import { app } from './celery_app.js'

/** Looks after dead letters, under the names of the operations guide. Queues of them end in `.dead`. */
export const getDlqMonitor = (of: Lovage = app): DlqMonitor => monitorOf(of)
