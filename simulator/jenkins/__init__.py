"""Jenkins as the simulator speaks it: folders, jobs, builds, a queue, stages and logs, asked for by `tree=`."""
