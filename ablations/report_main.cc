#include "ablations/report.h"
#include "base/flags.h"
#include "base/status.h"

int main(int argc, char** argv) {
  return base::RunMain("report", [&] { return grouppose::RunReport(base::Arguments(argc, argv)); });
}
