// Experiments on top of each other, with a memory of where each value came from.
#ifndef EXPERIMENTS_LAYERS_H_
#define EXPERIMENTS_LAYERS_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

namespace grouppose::experiments {

// For every field that some layer set: the place that set it last ("run.textproto:14:3", "--set a.b=1").
class Origins {
 public:
  // Places set later win over places set earlier.
  void Set(const std::string& path, const std::string& place);

  // False where the default holds.
  bool IsSet(const std::string& path) const;

  // The place that was set last among `paths`; where no layer set any, that of the messages around them; where there is
  // none either, the fallback.
  std::string Latest(std::vector<std::string> paths) const;

  void SetFallback(const std::string& place) { fallback_ = place; }

 private:
  struct Origin {
    std::string place;
    int order = 0;
  };

  std::map<std::string, Origin> origins_;
  std::string fallback_;
  int next_order_ = 0;
};

// Line and column (from 1) of a field -> its place.
using PlaceOf = std::function<std::string(int line, int column)>;

// Puts `layer`, parsed with `locations`, on top of `message`.
void MergeLayer(const google::protobuf::Message& layer, const google::protobuf::TextFormat::ParseInfoTree& locations,
                const PlaceOf& place_of, google::protobuf::Message* message, Origins* origins);

// Puts one "path=value" on top of `message`.
absl::Status ApplyOverride(const std::string& override_text, google::protobuf::Message* message, Origins* origins);

// Sets every field that is not set to its default, the fields of absent messages too. Of a oneof without a choice the
// first member is set.
void FillDefaults(google::protobuf::Message* message);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_LAYERS_H_
