#pragma once
#include <optional>
#include <string>

#include "federation/bodies.h"
#include "federation/site.h"

namespace collegium {

// What a site remembers, and one function an event or a step of the protocol. Split over five
// files: site.cpp (the connection), _network (how it comes to the run's network), _task (from a
// task to its result), _secure (the result under masks), _end (the final model, and stopping).
struct Site::State {
  using Phase = SiteSnapshot::Phase;

  // The task that the site works on, or has worked on last.
  struct Task {
    std::uint64_t round = 0;
    TaskBody body;
    Settings raw;  // as it came: what the policy looks at
    Bytes inline_model;
  };

  SiteOptions options;
  SiteActions actions;

  double now = 0;
  Phase phase = Phase::joining;
  bool started = false;
  std::string reason;  // of refused, failed, stopped

  // The connection.
  RunId run{};
  bool joined = false;
  std::uint64_t requests = 0;      // the last number used
  std::uint64_t join_request = 0;  // of the join that is not answered yet; 0: none
  double heard = 0;                // from the coordinator, at last
  double join_sent = 0, join_delay = 0;

  // The network.
  WelcomeBody welcome;
  Settings welcome_raw;           // as it came: what the policy looks at
  std::uint64_t first_round = 0;  // that the coordinator may still ask for, as its welcome says
  std::string layout;             // hash; empty: not built yet
  bool preparing = false;         // from the welcome until the network is there

  // The work.
  std::optional<Task> task;
  std::optional<Task> held;  // came while the network is being built
  BlobId model_id;
  std::optional<Bytes> model;  // the bytes of model_id, once they are here
  bool pulling = false;
  int pulls = 0;
  double pull_moved = 0;
  std::optional<double> pull_again;  // after a failure: when to try again
  std::uint64_t jobs = 0;            // the last number used
  std::uint64_t job = 0;             // the one whose report is waited for; 0: none
  std::uint64_t training = 0;        // the job that occupies the trainer, wanted or not; 0: none
  std::optional<at_site::Reserved> charge;
  bool unpromised = false;  // the mechanism costs more than any epsilon: it hides nothing
  std::int64_t step = 0, steps = 0;
  std::string failure;  // code of the last failure

  // The result.
  std::optional<StoredResult> stored;   // persisted, and good to be sent
  std::optional<StoredResult> storing;  // being persisted
  double task_came = 0;
  std::optional<double> release_at;                    // it is stored and waits to be announced
  std::uint64_t output_round = 0, output_attempt = 0;  // of the latest output given to Persist
  double result_sent = 0, result_delay = 0;

  // Secure aggregation.
  std::string secure_attempt;                          // which attempt the keys are for
  std::optional<Bytes> advert;                         // of that attempt; what its `result` carries
  std::uint64_t secure_job = 0;                        // of the step under way; 0: none
  secagg::Step secure_step = secagg::Step::advertise;  // that job

  // The end.
  std::optional<FinishedBody> final_body;
  std::uint64_t final_round = 0;
  double final_since = 0;
  bool final_kept = false;

  State(SiteOptions the_options, std::optional<StoredResult> the_stored);

  // site.cpp
  void on(const Started& event);
  void on(const Tick& event);
  void on(const at_site::MessageFrom& event);
  void on(const at_site::LineRestored& event);
  void on_welcome(const Message& message);
  void on_refuse(const Message& message);
  void on_ping();
  void join();
  void check_connection();
  double next_tick() const;

  // site_network.cpp
  void on(const at_site::NetworkFound& event);
  void on(const at_site::NetworkMissing& event);
  void on(const at_site::Prepared& event);
  void on(const at_site::PrepareFailed& event);
  void obtain_network();
  void prepare(const Bytes& file);
  void require_layout();  // that of the run, or it leaves
  void cannot_take_part(const std::string& why);

  // site_task.cpp
  void on(const at_site::ModelReady& event);
  void on(const at_site::ModelFailed& event);
  void on(const at_site::ModelProgress& event);
  void on(const at_site::Reserved& event);
  void on(const at_site::ReservationRefused& event);
  void on(const at_site::TrainProgress& event);
  void on(const at_site::Trained& event);
  void on(const at_site::TrainFailed& event);
  void on(const at_site::Persisted& event);
  void on(const at_site::PersistFailed& event);
  void on_task(const Message& message);
  void on_answer(const Message& message);
  void repeat(Task again);
  void start(Task next);
  void supersede();  // what is under way is no longer wanted
  void want_model(const BlobId& id, const Bytes& inline_bytes);
  void pull();
  void model_is_here();  // what was fetched is in `model`
  void trainer_free(std::uint64_t reported);
  std::uint64_t charge_attempt() const;
  void give_up_model(const std::string& why);
  void reserve();  // once model and trainer are there
  void train();
  void state_charge(ResultBody& body) const;  // if there is one
  void fail(const std::string& code, const std::string& text, const std::string& own_text = {});
  void send_failure();
  void release();  // announce, now or when it is time
  void announce();
  void check_work();
  bool busy() const;
  bool asks_privacy() const;
  bool withholds() const;         // nothing but the update may depend on data
  bool noises_sums() const;       // the noise is drawn and charged with the masks
  bool releases_metrics() const;  // all the same, under noise that is charged for
  TrainTask train_task() const;

  // site_secure.cpp
  void on(const at_site::SecureAnswered& event);
  void on(const at_site::SecureRefused& event);
  bool is_secure() const;
  std::string attempt_at_hand() const;
  void advertise();
  void announce_advert(bool first);  // of the attempt: it is recorded
  void on_secure(const Message& message);
  void begin_step(secagg::Step step, const Bytes& request);
  Digest announced() const;  // the blob that the `result` names

  // site_end.cpp
  void on(const StopRequested& event);
  void on(const at_site::Evaluated& event);
  void end_final(const std::string& why, const std::vector<Metric>& metrics = {});
  void on_finished(const Message& message);
  void continue_final();  // model, trainer, evaluation: whatever is next
  void leave(const std::string& code, const std::string& why,
             const std::vector<Metric>& metrics = {});
  void stop(Outcome outcome, const std::string& why);

  void act(SiteAction action) { actions.push_back(std::move(action)); }
  // site_record.cpp: what goes into the signed log
  void record(std::string kind, std::map<std::string, std::string> fields);
  void record_welcome();
  void record_task(const std::optional<PolicyRefusal>& refusal);
  void record_result(const Settings& body);
  bool record_answer(const Message& message, const ReasonBody& body);  // false: a forged signature
  const std::optional<VerifyKey>& coordinator_key() const {
    return options.coordinator ? options.coordinator : welcome.signing;
  }

  void log(LogEvent::Level level, std::string text) {
    act(LogEvent{level, options.name, std::move(text)});
  }
  void send(Kind kind, std::uint64_t of_round, std::uint64_t request, Settings body,
            Bytes payload = {});
};

}  // namespace collegium
