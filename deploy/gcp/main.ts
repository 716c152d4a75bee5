// What `pulumi up` runs: reads the stack's configuration, builds the cluster, and exports what other commands ask for.
import { Config } from "@pulumi/pulumi/config.js";
import { allConfig } from "@pulumi/pulumi/runtime/index.js";
import { buildCluster } from "./cluster.ts";
import { readSettings } from "./settings/read.ts";

const outputs = buildCluster(readSettings(allConfig()), new Config("gcp").require("project"));

export const { project, address, url, registry, groups, backendService, loadtest, kafkaBrokers } = outputs;
