/** What operators' commands do is loaded with the first of them: a program that only sends never needs it. */
export const fleet = () => import('../fleet/index.js')
