#pragma once
// One decision about one workspace, split over two files: workspace_plan.cpp (what is common, and stopping)
// and workspace_start.cpp (starting, running, replacing, failing). Only these two and decide() use it.

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
    void locate_files();
    void pin_to_task(std::initializer_list<TaskStage> stages);
    void set(std::string_view type, bool value, std::string reason, std::string message = {});
    void enter(Phase phase, std::string reason, std::string message);
    void look_again(Duration after);
    void watch_closely(Duration after);
    void remove_service();
    bool wants_running() const;
    bool live_tasks() const;
    /// The report speaks of the present incarnation's container.
    bool report_is_current() const;
    Time entered(Phase phase) const;

    // Towards stopped.
    void stop();
    void stay_stopped();
    void confirm_files();
    bool accept_receipt();
    bool volumes_gone() const;
    bool report_is_causal() const;
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
    bool ended(std::string& how) const;
    void crashed(const std::string& how);
    bool refused();
    void judge_health();
    void judge_start();
    void become_running();
    bool restoring() const;
    bool past_deadline() const;
    Obstacle why_not_running() const;
    void fail(std::string reason, std::string message);
    void stay_failed();

    const Workspace& ws_;
    const Seen& seen_;
    const LifeLimits& limits_;
    Time now_;
    Plan plan_;
    WorkspaceStatus& st_;
};

} // namespace berth
