/** A worker's process title in `ps`. It matches `pgrep -f 'celery.*worker'`, which existing scripts use. */
export const workerTitle = (name: string): string => `lovage (celery) worker ${name}`
