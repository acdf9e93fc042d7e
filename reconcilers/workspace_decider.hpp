#pragma once
// One decision about one workspace, split over four files: workspace_plan.cpp (what is common),
// workspace_stop.cpp (towards stopped), workspace_start.cpp (towards running) and workspace_keep.cpp
// (running, replacing, failing). Only these use it.

#include "reconcilers/workspace_plan.hpp"

namespace berth {

class WorkspaceDecider {
public:
    WorkspaceDecider(const Workspace& workspace, const Seen& seen, const LifeLimits& limits, Time now);
    Plan decide();

private:
    // Common.
    void take_over_report();
    void take_over_sync();
    void keep_receipt(const Receipt& receipt);
    void locate_files();
    void pin_to_task(std::initializer_list<TaskStage> stages);
    void set(std::string_view type, bool value, std::string reason, std::string message = {});
    void set(std::string_view type, ConditionStatus value, std::string reason, std::string message = {});
    void enter(Phase phase, std::string reason, std::string message);
    void look_again(Duration after);
    void watch_closely(Duration after);
    void remove_service(std::string reason);
    void note();
    bool node_lost() const;
    bool wants_running() const;
    bool live_tasks() const;
    /// An agent's word of then still counts.
    bool recent(const std::optional<Time>& word) const { return word && now_ - *word < limits_.agent_stale; }
    /// The report speaks of the present incarnation's container.
    bool report_is_current() const;
    Time entered(Phase phase) const;

    // Towards stopped.
    void stop();
    void stay_stopped();
    void archive_in_time();
    void wait_for_end();
    void confirm_files();
    bool accept_receipt();
    bool volumes_gone() const;
    bool nothing_can_come() const;
    void report_risk();
    void stopped(std::string message);

    // Towards running.
    void run();
    void begin(std::string reason);
    void replace(std::string reason, std::string message);
    void restart();
    void keep_running();
    void without_service();
    bool adopt(const ServiceFacts& service);
    void follow_tasks();
    bool agent_may_know_more(const TaskFacts& task);
    bool ended(std::string& how);
    void crashed(const std::string& how);
    bool refused();
    void judge_isolation();
    void judge_health();
    void judge_silence();
    void end_incident();
    void judge_start();
    void become_running();
    bool restoring() const;
    bool past_deadline() const;
    Obstacle why_not_running() const;
    Obstacle why_waiting_for_end() const;
    void fail(std::string reason, std::string message);
    void stay_failed();

    // Slots and claims (workspace_claim.cpp).
    bool is_slot() const;
    bool claim_is_open() const;
    void become_warm();
    void take_claim();
    bool follow_claim();
    void give_up_slot();
    bool report_is_of_given_up_slot() const;
    void end_slot();

    const Workspace& ws_;
    const Seen& seen_;
    const LifeLimits& limits_;
    Time now_;
    Plan plan_;
    WorkspaceStatus& st_;
    std::string because_; ///< why this step, when no change of phase says it
};

} // namespace berth
