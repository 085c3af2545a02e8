/** What `ps` shows of a worker's process. The words of `pgrep -f 'celery.*worker'`, which scripts of the field look for, are in it. */
export const workerTitle = (name: string): string => `lovage (celery) worker ${name}`
