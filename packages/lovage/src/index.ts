export * from './kernel/index.js'
export * from './schedule/index.js'
