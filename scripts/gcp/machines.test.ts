import { expect, test } from "bun:test";
import { machinesThatStay } from "./machines.ts";

const listed = (name: string, instanceStatus: string, currentAction: string) => ({
  instance: `https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/instances/${name}`,
  instanceStatus,
  currentAction,
});

test("a machine that its group is about to take away gets no clients to play", () => {
  const json = JSON.stringify([
    listed("stays", "RUNNING", "NONE"),
    listed("goes", "RUNNING", "DELETING"),
    listed("comes", "PROVISIONING", "CREATING"),
    listed("anew", "RUNNING", "RECREATING"),
  ]);
  expect(machinesThatStay(json)).toEqual([{ name: "stays", zone: "us-central1-a" }]);
});
