// What `pulumi up` runs: reads the stack's configuration, builds the cluster, and exports what other commands ask for.
import { Config } from "@pulumi/pulumi/config.js";
import { RunError } from "@pulumi/pulumi/errors.js";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { buildCluster } from "./cluster.ts";
import { readSettings, SettingsError } from "./settings/read.ts";

const outputs = buildCluster(settings(), new Config("gcp").require("project"));

/** What is wrong with the stack's file is told in words, without where in the program that was noticed. */
function settings() {
  try {
    return readSettings(allConfig());
  } catch (error) {
    throw error instanceof SettingsError ? new RunError(error.message) : error;
  }
}

export const { project, address, url, registry, groups, backendService, loadtest, kafkaBrokers } = outputs;
