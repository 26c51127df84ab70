#pragma once
#include <span>
#include <string>

#include "collegium/error.h"
#include "store/ledger.h"

// What a ledger says when it refuses: spent, asked, left, and what would fit.
namespace collegium {

std::string short_number(double value);  // six digits

// Names that are hashed and printed: no newline, no control character, nothing endless.
void check_ledger_word(const std::string& word, const char* what);

BudgetExhausted schedule_refused(const Accounting& accounting, const LedgerDataset& dataset,
                                 const LedgerRun& run, const Spending& before,
                                 std::span<const PrivacyEvent> schedule, double after);
BudgetExhausted extra_refused(const Accounting& accounting, const LedgerDataset& dataset,
                              const std::string& where, const Spending& before,
                              std::span<const PrivacyEvent> cost, double after);

}  // namespace collegium
