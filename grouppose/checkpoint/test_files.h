// Pickles and .pth files put together by hand, for tests.
//
//   std::string pickle = Pickled("}" + Text("w") + TensorText(StorageText("FloatStorage", 4), 0, {4}, {1}) + "s");
//   std::string file = ZipFile(pickle, {{"0", std::string(16, '\0')}});
#ifndef GROUPPOSE_CHECKPOINT_TEST_FILES_H_
#define GROUPPOSE_CHECKPOINT_TEST_FILES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace grouppose::checkpoint {

// Instructions that leave text (up to 255 bytes), a number of 32 bits, a tuple of numbers, a global on the stack.
std::string Text(const std::string& text);
std::string Int(uint32_t value);
std::string Ints(const std::vector<uint32_t>& values);
std::string Name(const std::string& module, const std::string& name);

// A storage that was saved from a GPU. The legacy format has one more value in it.
std::string StorageText(const std::string& type, uint32_t elements, const std::string& key = "0", bool legacy = false);
// torch._utils._rebuild_tensor_v2 on the instructions of a storage.
std::string TensorText(const std::string& storage, uint32_t offset, const std::vector<uint32_t>& sizes,
                       const std::vector<uint32_t>& strides);

// Protocol 2 around instructions.
std::string Pickled(const std::string& instructions);

using KeyedBytes = std::vector<std::pair<std::string, std::string>>;

// As torch.save writes them: the pickle of an object and the bytes of its storages by their keys.
std::string ZipFile(const std::string& pickle, const KeyedBytes& storages);
// `elements` of each storage stand in front of its bytes.
std::string LegacyFile(const std::string& pickle, const KeyedBytes& storages, const std::vector<uint32_t>& elements);

// A training state with everything that official ones have: a model with shared and strided tensors of several types,
// the optimiser's state, a schedule, an epoch, arguments.
std::string TrainingState(bool legacy);

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_TEST_FILES_H_
