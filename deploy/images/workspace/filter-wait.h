/* Nothing of the user's runs before the workspace's network filter is there. */
#ifndef BERTH_FILTER_WAIT_H
#define BERTH_FILTER_WAIT_H

/*
 * Waits until the file `mark` names the network namespace that this process is in: the node's agent writes it when the namespace
 * has its filter. `signals` is a signalfd. Returns 0 when the filter is there (or when BERTH_ISOLATION is not "on": by hand, there
 * is nobody who would write a mark), 1 when a signal wants the end, 2 after BERTH_FILTER_DEADLINE seconds (600), with a line on
 * stderr.
 */
int wait_for_filter(const char *mark, int signals);

#endif
