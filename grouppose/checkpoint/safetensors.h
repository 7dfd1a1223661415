// Reading and writing safetensors files (https://huggingface.co/docs/safetensors, "Format"): 8 bytes of header length,
// a JSON header with the type, the shape and the place of every tensor, then the tensors' bytes, little-endian.
//
//   ASSIGN_OR_RETURN(TensorFile file, ReadSafetensors("model.safetensors"));
//   at::Tensor weight = file.tensors.at("class_embed.0.weight");
//   RETURN_IF_ERROR(WriteSafetensors("copy.safetensors", file.tensors, file.metadata));
//
// Types: F64 F32 F16 BF16 F8_E4M3 F8_E5M2 C64 I64 I32 I16 I8 U64 U32 U16 U8 BOOL.
#ifndef GROUPPOSE_CHECKPOINT_SAFETENSORS_H_
#define GROUPPOSE_CHECKPOINT_SAFETENSORS_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grouppose/checkpoint/mapped_file.h"

namespace grouppose::checkpoint {

struct TensorFile {
  std::map<std::string, at::Tensor> tensors;  // on the CPU, contiguous, each with a storage of its own
  std::map<std::string, std::string> metadata;
};

// Maps the file (see mapped_file.h) and checks all of its header; nothing in it is trusted. A tensor is the mapped
// memory where that is aligned for its elements, as it is in files of this writer and of the format's own, else a copy.
// The tensors must cover the data without overlaps and holes, as the format demands. InvalidArgument names the file,
// the tensor, what was found and what was expected; NotFound where there is no such file.
absl::StatusOr<TensorFile> ReadSafetensors(const std::string& path);
absl::StatusOr<TensorFile> ReadSafetensors(const std::shared_ptr<const MappedFile>& file);

// Writes atomically. The same tensors and metadata give the same bytes: the header is sorted by name, the data by
// element size (largest first, so that every tensor is aligned to its element) and then by name. Tensors on other
// devices and with other strides are copied. InvalidArgument for a type the format lacks and for names that are not
// UTF-8.
absl::Status WriteSafetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace grouppose::checkpoint

#endif  // GROUPPOSE_CHECKPOINT_SAFETENSORS_H_
