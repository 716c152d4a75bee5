/** Parts of `total`, as large in relation to one another as the weights. */
export function sharesOf(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => (sum === 0 ? 0 : (total * weight) / sum));
}

/** The same in whole numbers, which add up to `total`: what rounding leaves over goes to those who lost most by it. */
export function wholeSharesOf(total: number, weights: readonly number[]): number[] {
  const exact = sharesOf(total, weights);
  const whole = exact.map(Math.floor);
  const byLoss = exact
    .map((share, index) => ({ index, loss: share - Math.floor(share) }))
    .sort((a, b) => b.loss - a.loss);
  let left = exact.some((share) => share > 0) ? total - whole.reduce((all, share) => all + share, 0) : 0;
  for (const { index } of byLoss) {
    if (left < 1) break;
    whole[index] = (whole[index] ?? 0) + 1;
    left -= 1;
  }
  return whole;
}
