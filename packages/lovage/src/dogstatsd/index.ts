export { Dogstatsd, type DogstatsdOptions, dogstatsd } from './dogstatsd.js'
