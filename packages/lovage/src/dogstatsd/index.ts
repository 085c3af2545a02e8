export { Dogstatsd, type DogstatsdOptions, dogstatsd, taskTags } from './dogstatsd.js'
