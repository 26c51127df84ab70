#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "federation/contribution.h"
#include "federation/coordinator.h"

namespace collegium {

// A site as the coordinator sees it: its connection, which outlives rounds, and its part in the
// current attempt.
struct Member {
  enum class Stage : std::uint8_t {
    away,       // not here: no task, or lost with it
    working,    // has the task
    announced,  // its result is known, its update is not here
    pulling,
    staged,  // its update is here and waits for its turn
    accumulating,
    accepted,
    rejected,
    missing,
    failed,
    not_drawn  // not of this attempt's cohort
  };

  std::string name;
  bool joined = false;                // since the coordinator started
  bool here = false;                  // joined, and heard from within the silence limit
  bool left_for_good = false;         // after the end of the run
  std::optional<std::string> unable;  // it left and said why it cannot take part in this run
  std::string absence = "it has not joined yet";
  std::string software;
  std::optional<LedgerPosition> ledger;  // the latest it told in this run
  std::vector<VerifyKey> signing;        // the keys of its signatures; none: it does not sign
  bool signs(std::string_view text, const Signature& signature) const;
  double heard = 0, pinged = 0;
  std::int64_t step = 0, steps = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t out_before = 0;  // bytes_out when the attempt began

  Stage stage = Stage::away;
  Contribution contribution;
  std::uint64_t request = 0;  // of its latest result
  std::optional<double> task_first, task_sent;
  Chunks update;               // while staged
  std::uint64_t received = 0;  // of the pull under way
  double pull_began = 0, pull_moved = 0;
  int pulls = 0;
  // Its line was lost between its announcement and the end of the pull: until it announces again,
  // or more of the update comes, the pull waits with what it has.
  bool must_announce = false;
  bool pull_open = false;  // asked for, not answered, not cancelled
  double lost_at = 0;
  // Of a secure aggregation.
  std::optional<BlobId> masked;      // the masked update it announced
  std::optional<double> step_asked;  // when it was asked in the present step, at last
  bool keyless = false;              // it was started again and has no keys for this attempt

  bool settled() const { return stage >= Stage::accepted; }
  bool promising() const { return stage >= Stage::announced && stage <= Stage::accepted; }
  bool in_transit() const { return stage >= Stage::announced && stage <= Stage::accumulating; }
  bool parked() const { return stage == Stage::announced && must_announce && pull_open; }
  bool in_memory() const {
    return (stage >= Stage::pulling && stage <= Stage::accumulating) || parked();
  }

  void begin_attempt();  // back to away, or failed; what the last attempt knew is forgotten
  void settle(Stage stage, std::string code, std::string reason);
  SiteView view() const;
};

// The members in cohort order: the order of the configuration, whoever comes first.
class Cohort {
 public:
  explicit Cohort(const std::vector<std::string>& names);

  std::vector<Member>& members() { return members_; }
  const std::vector<Member>& members() const { return members_; }
  Member* find(std::string_view name);  // null: not a site of this run
  template <class Predicate>
  Member* find_if(Predicate predicate) {  // the first; null: none
    for (Member& member : members_) {
      if (predicate(member)) return &member;
    }
    return nullptr;
  }

  template <class Predicate>
  std::size_t count(Predicate predicate) const {
    std::size_t n = 0;
    for (const Member& member : members_) n += predicate(member) ? 1 : 0;
    return n;
  }
  std::size_t count(Member::Stage stage) const;
  template <class Predicate>
  std::vector<std::string> names(Predicate predicate) const {
    std::vector<std::string> names;
    for (const Member& member : members_) {
      if (predicate(member)) names.push_back(member.name);
    }
    return names;
  }
  // "; without guys (no result before the deadline)": who has been left out so far, and why; empty
  // when nobody was.
  std::string without() const;

 private:
  std::vector<Member> members_;
};

std::string listed(const std::vector<std::string>& names);  // "guys, kings", or "nobody"

}  // namespace collegium
