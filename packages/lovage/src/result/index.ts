export * from './result-backend.js'
