#include "federation/coordinator.h"
#include "federation/site.h"

namespace collegium {

std::string_view name_of(LogEvent::Level level) {
  switch (level) {
    case LogEvent::Level::info:
      return "info";
    case LogEvent::Level::warning:
      return "warning";
    case LogEvent::Level::error:
      return "error";
  }
  return "";
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::finished:
      return "finished";
    case Outcome::stopped:
      return "stopped";
    case Outcome::failed:
      return "failed";
    case Outcome::refused:
      return "refused";
  }
  return "";
}

std::string_view name_of(Contribution::State state) {
  switch (state) {
    case Contribution::State::accepted:
      return "accepted";
    case Contribution::State::rejected:
      return "rejected";
    case Contribution::State::missing:
      return "missing";
    case Contribution::State::failed:
      return "failed";
  }
  return "";
}

std::string_view name_of(SiteView::State state) {
  switch (state) {
    case SiteView::State::away:
      return "away";
    case SiteView::State::ready:
      return "ready";
    case SiteView::State::working:
      return "working";
    case SiteView::State::announced:
      return "announced";
    case SiteView::State::pulling:
      return "pulling";
    case SiteView::State::staged:
      return "staged";
    case SiteView::State::accepted:
      return "accepted";
    case SiteView::State::rejected:
      return "rejected";
    case SiteView::State::failed:
      return "failed";
  }
  return "";
}

std::string_view name_of(CoordinatorSnapshot::Phase phase) {
  switch (phase) {
    case CoordinatorSnapshot::Phase::starting:
      return "starting";
    case CoordinatorSnapshot::Phase::working:
      return "working";
    case CoordinatorSnapshot::Phase::collecting:
      return "collecting";
    case CoordinatorSnapshot::Phase::aggregating:
      return "aggregating";
    case CoordinatorSnapshot::Phase::persisting:
      return "persisting";
    case CoordinatorSnapshot::Phase::ending:
      return "ending";
    case CoordinatorSnapshot::Phase::done:
      return "done";
  }
  return "";
}

std::string_view name_of(SiteSnapshot::Phase phase) {
  switch (phase) {
    case SiteSnapshot::Phase::joining:
      return "joining";
    case SiteSnapshot::Phase::fetching:
      return "fetching";
    case SiteSnapshot::Phase::preparing:
      return "preparing";
    case SiteSnapshot::Phase::idle:
      return "idle";
    case SiteSnapshot::Phase::pulling:
      return "pulling";
    case SiteSnapshot::Phase::reserving:
      return "reserving";
    case SiteSnapshot::Phase::training:
      return "training";
    case SiteSnapshot::Phase::storing:
      return "storing";
    case SiteSnapshot::Phase::announced:
      return "announced";
    case SiteSnapshot::Phase::accepted:
      return "accepted";
    case SiteSnapshot::Phase::refused:
      return "refused";
    case SiteSnapshot::Phase::failed:
      return "failed";
    case SiteSnapshot::Phase::finishing:
      return "finishing";
    case SiteSnapshot::Phase::stopped:
      return "stopped";
  }
  return "";
}

}  // namespace collegium
