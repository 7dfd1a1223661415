// Draws the images that a report shows: `draw_images --experiment=FILE --output=DIR` is `grouppose dataset synthesize`
// in a program that links no attention scheme, so that an edit of one draws nothing anew.
#include "base/flags.h"
#include "base/status.h"
#include "tools/dataset_command.h"

int main(int argc, char** argv) {
  return base::RunMain("draw_images", [&] {
    std::vector<std::string> arguments = base::Arguments(argc, argv);
    arguments.insert(arguments.begin(), "synthesize");
    return grouppose::RunDatasetCommand(arguments);
  });
}
