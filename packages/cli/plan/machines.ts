/** What one instance has. */
export interface Machine {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryGib: number;
  /** The most that it may send, in Gbit/s. */
  readonly egressGbps: number;
}

/** Source: Google's pages on machine families; to the internet, without a balancer between, less may pass. */
export const MACHINES: readonly Machine[] = [
  { name: "e2-standard-2", vcpus: 2, memoryGib: 8, egressGbps: 4 },
  { name: "e2-standard-4", vcpus: 4, memoryGib: 16, egressGbps: 8 },
  { name: "e2-standard-8", vcpus: 8, memoryGib: 32, egressGbps: 16 },
  { name: "e2-standard-16", vcpus: 16, memoryGib: 64, egressGbps: 16 },
  { name: "n2-standard-4", vcpus: 4, memoryGib: 16, egressGbps: 10 },
  { name: "n2-standard-8", vcpus: 8, memoryGib: 32, egressGbps: 16 },
  { name: "n2-standard-16", vcpus: 16, memoryGib: 64, egressGbps: 32 },
];
