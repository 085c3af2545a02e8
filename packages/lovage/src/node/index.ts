export { runWorkerProcess, type WorkerProcessEvents } from './worker-process.js'
