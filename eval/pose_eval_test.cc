// The program as a user meets it: output, exit codes, one-line errors.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/files.h"

namespace {

// One person of 17 keypoints at (x, y), found exactly.
std::string Keypoints(int count = 17) {
  std::string text;
  for (int k = 0; k < count; ++k) absl::StrAppend(&text, k > 0 ? "," : "", 10 + 5 * k, ",", 20 + 4 * k, ",2");
  return text;
}

std::string Annotations() {
  return absl::StrCat(
      R"({"images": [{"id": 1, "width": 200, "height": 200, "file_name": "a.jpg"}], "annotations": [{"id": 4, )",
      R"("image_id": 1, "category_id": 1, "iscrowd": 0, "area": 5000, "bbox": [10, 20, 80, 64], "num_keypoints": 17, )",
      R"("keypoints": [)", Keypoints(), R"(]}], "categories": [{"id": 1, "name": "person"}]})");
}

std::string Detections() {
  return absl::StrCat(R"([{"image_id": 1, "category_id": 1, "score": 0.5, "keypoints": [)", Keypoints(), "]}]");
}

struct Outcome {
  int exit_code = -1;
  std::string out, error;
};

class PoseEval : public ::testing::Test {
 protected:
  std::string Path(const std::string& file) const { return absl::StrCat(::testing::TempDir(), "/", file); }

  void Write(const std::string& file, const std::string& content) const {
    ASSERT_TRUE(base::WriteFileAtomically(Path(file), content).ok());
  }

  Outcome Run(const std::string& arguments, const std::string& environment = "") const {
    const std::string command =
        absl::StrCat(environment, " eval/pose_eval ", arguments, " > ", Path("stdout"), " 2> ", Path("stderr"));
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, *base::ReadFile(Path("stdout")),
            *base::ReadFile(Path("stderr"))};
  }

  // `pose_eval score` of the two files.
  Outcome Score(const std::string& more = "") const {
    return Run(absl::StrCat("score --gt=", Path("gt.json"), " --dt=", Path("dt.json"), " ", more));
  }

  // Exit code 2, nothing on stdout, and one line on stderr.
  void ExpectRefusal(const Outcome& outcome, const std::string& line) const {
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.error, "pose_eval: " + line + "\n");
  }
};

TEST_F(PoseEval, ScoresAnExactDetection) {
  Write("gt.json", Annotations());
  Write("dt.json", Detections());
  const Outcome outcome = Score("--json=" + Path("out.json"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.out.substr(0, outcome.out.find('\n')),
            "AP           1.0000  average precision, mean over OKS 0.50 to 0.95, all persons");
  const std::string json = *base::ReadFile(Path("out.json"));
  EXPECT_NE(
      json.find(
          "\"stats\":[0.9999999999999998,0.9999999999999999,0.9999999999999999,0.9999999999999998,-1,1,1,1,1,-1]"),
      std::string::npos)
      << json;
  EXPECT_EQ(json.find("per_image_all"), std::string::npos);
  ASSERT_EQ(Score("--details --json=" + Path("out.json")).exit_code, 0);
  EXPECT_NE(base::ReadFile(Path("out.json"))->find("\"dtMatches_T0\":[4]"), std::string::npos);
}

TEST_F(PoseEval, TakesPathsFromWhereTheUserStands) {
  Write("gt.json", Annotations());
  Write("dt.json", Detections());
  const Outcome outcome =
      Run("score --gt gt.json --dt dt.json --json relative.json", "BUILD_WORKING_DIRECTORY=" + ::testing::TempDir());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_TRUE(base::FileExists(Path("relative.json")));
}

TEST_F(PoseEval, ScoresAnEmptyList) {
  Write("gt.json", Annotations());
  Write("dt.json", "[]");
  const Outcome outcome = Score();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(outcome.out.substr(0, 20), "AP           0.0000 ");
}

// Three keypoints described in a file: K, sigmas and rules are its own.
TEST_F(PoseEval, TakesADescription) {
  Write("three.textproto", R"(name: "three"
keypoints { name: "a" sigma: 0.1 }
keypoints { name: "b" sigma: 0.1 }
keypoints { name: "c" sigma: 0.1 }
)");
  Write("gt.json", absl::StrReplaceAll(Annotations(), {{Keypoints(), Keypoints(3)}}));
  Write("dt.json", absl::StrReplaceAll(Detections(), {{Keypoints(), Keypoints(3)}}));
  const Outcome outcome = Run("score --gt gt.json --dt dt.json --dataset three.textproto",
                              "BUILD_WORKING_DIRECTORY=" + ::testing::TempDir());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(outcome.out.substr(0, 20), "AP           1.0000 ");

  Write("gt.json", Annotations());
  const Outcome refused = Score("--dataset=" + Path("three.textproto"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.error.find("expected 9 numbers"), std::string::npos) << refused.error;
  ExpectRefusal(Score("--dataset=" + Path("none.textproto")),
                std::string(base::ReadFile(Path("none.textproto")).status().message()));
  Write("three.textproto", "name: \"three\"\nkeypoints { name: \"a\" sigma: 0 }");
  ExpectRefusal(Score("--dataset=" + Path("three.textproto")),
                Path("three.textproto") + ":2:1: keypoints[0].sigma is 0, expected a positive number");
}

TEST_F(PoseEval, NotesGoToStderr) {
  Write("gt.json", absl::StrReplaceAll(Annotations(), {{"\"id\": 4", "\"id\": 0"}}));
  Write("dt.json", Detections());
  const Outcome outcome = Score();
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(
      outcome.error,
      "pose_eval: note: annotations[0] has id 0: who finds it counts as a false positive, as in the official tool\n");
}

TEST_F(PoseEval, QuirksCanBeCorrected) {
  Write("gt.json", absl::StrReplaceAll(Annotations(), {{"\"id\": 4", "\"id\": 0"}}));
  Write("dt.json", Detections());
  EXPECT_EQ(Score().out.substr(0, 20), "AP           0.0000 ");
  EXPECT_EQ(Score("--quirks=official").out, Score().out);
  const Outcome corrected = Score("--quirks=corrected --json=" + Path("out.json"));
  EXPECT_EQ(corrected.out.substr(0, 20), "AP           1.0000 ");
  EXPECT_EQ(corrected.error, "");
  EXPECT_NE(base::ReadFile(Path("out.json"))->find("\"stats\":[1,1,1,1,-1,"), std::string::npos);
}

TEST_F(PoseEval, EverySubcommandTakesQuirks) {
  Write("gt.json", absl::StrReplaceAll(Annotations(), {{"\"id\": 4", "\"id\": 0"}}));
  Write("dt.json", Detections());
  Write("none.json", "[]");
  const std::string explain = absl::StrCat("explain --gt=", Path("gt.json"), " --dt=", Path("dt.json"));
  EXPECT_EQ(Run(explain).out.find("AP is 0.0000; "), 0u);
  EXPECT_EQ(Run(explain + " --quirks=official").out, Run(explain).out);
  EXPECT_EQ(Run(explain + " --quirks=corrected").out.find("AP is 1.0000: nothing is wrong."), 0u);
  ExpectRefusal(Run(explain + " --quirks=none"), "--quirks: expected official or corrected, found 'none'");

  const std::string compare = absl::StrCat("compare --resamples=50 --gt=", Path("gt.json"), " --a=", Path("none.json"),
                                           " --b=", Path("dt.json"));
  EXPECT_NE(Run(compare).out.find("AP           0.0000   0.0000   +0.0000"), std::string::npos) << Run(compare).out;
  EXPECT_EQ(Run(compare + " --quirks=official").out, Run(compare).out);
  const Outcome corrected = Run(compare + " --quirks=corrected");
  EXPECT_NE(corrected.out.find("AP           0.0000   1.0000   +1.0000"), std::string::npos) << corrected.out;
  ExpectRefusal(Run(compare + " --quirks=none"), "--quirks: expected official or corrected, found 'none'");
}

TEST_F(PoseEval, EverySubcommandRefusesBrokenDetectionsInTheSameWords) {
  Write("gt.json", Annotations());
  Write("dt.json", Detections());
  Write("broken.json", Detections().substr(0, 100));
  const std::string words = absl::StrCat(
      Path("broken.json"), ": byte 100: detections[0].keypoints: expected ',' or ']', found the end of the file");
  const std::string gt = "--gt=" + Path("gt.json"), broken = Path("broken.json");
  ExpectRefusal(Run(absl::StrCat("score ", gt, " --dt=", broken)), words);
  ExpectRefusal(Run(absl::StrCat("explain ", gt, " --dt=", broken)), words);
  ExpectRefusal(Run(absl::StrCat("compare ", gt, " --a=", Path("dt.json"), " --b=", broken)), words);
  ExpectRefusal(Run(absl::StrCat("compare ", gt, " --a=", broken, " --b=", Path("dt.json"))), words);
}

TEST_F(PoseEval, AnyNumberOfThreadsWritesTheSameBytes) {
  Write("gt.json", Annotations());
  Write("dt.json", Detections());
  std::string first;
  for (const char* threads : {"0", "1", "5"}) {
    const Outcome outcome = Score(absl::StrCat("--details --timing --threads=", threads, " --json=", Path("out.json")));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    EXPECT_EQ(outcome.error.find("pose_eval: reading "), 0) << outcome.error;
    const std::string json = *base::ReadFile(Path("out.json"));
    if (first.empty()) first = json;
    EXPECT_EQ(json, first);
  }
}

TEST_F(PoseEval, HelpListsWhatThereIs) {
  const Outcome outcome = Run("--help");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.out.find("\n  score "), std::string::npos) << outcome.out;
  const Outcome score = Run("score --help");
  EXPECT_EQ(score.exit_code, 0);
  EXPECT_NE(score.out.find("--details"), std::string::npos) << score.out;
}

TEST_F(PoseEval, RefusesUnknownSubcommandsAndFlags) {
  ExpectRefusal(Run(""), "expected a subcommand (`pose_eval --help` lists them)");
  ExpectRefusal(Run("rank"), "unknown subcommand 'rank' (`pose_eval --help` lists them)");
  ExpectRefusal(Run("scores"), "unknown subcommand 'scores'; did you mean score? (`pose_eval --help` lists them)");
  ExpectRefusal(Run("score --gt=a.json"), "--dt=DT.json is required: detections, in COCO's format for results");
  ExpectRefusal(Run("score --gt=a.json --dt=b.json --dataset=cocoa"),
                "--dataset: expected coco, crowdpose or a dataset.textproto, found 'cocoa'; did you mean coco?");
  ExpectRefusal(Run("score --gt=a.json --dt=b.json --details"), "--details: expected --json=OUT.json with it");
  ExpectRefusal(Run("score --gt=a.json --dt=b.json --threads=-1"), "--threads: expected 0 or more, found -1");
  ExpectRefusal(Run("score --gt=a.json --dt=b.json --quirks=none"),
                "--quirks: expected official or corrected, found 'none'");
}

TEST_F(PoseEval, RefusesBrokenFilesWithPlaceAndReason) {
  Write("gt.json", Annotations());
  // truncated
  const std::string detections = Detections();
  Write("dt.json", detections.substr(0, 100));
  ExpectRefusal(Score(),
                absl::StrCat(Path("dt.json"),
                             ": byte 100: detections[0].keypoints: expected ',' or ']', found the end of the file"));
  // wrong nesting
  Write("dt.json", absl::StrCat("[", detections, "]"));
  ExpectRefusal(Score(), absl::StrCat(Path("dt.json"), ": byte 1: detections[0]: expected an object, found an array"));
  // a string for a number
  Write("dt.json", absl::StrReplaceAll(detections, {{"0.5", "\"0.5\""}}));
  ExpectRefusal(Score(), absl::StrCat(Path("dt.json"), ": byte ", detections.find("0.5"),
                                      ": detections[0].score: expected a number, found the string \"0.5\""));
  // another number of keypoints
  Write("dt.json", absl::StrReplaceAll(detections, {{Keypoints(), Keypoints(14)}}));
  ExpectRefusal(Score(),
                absl::StrCat(Path("dt.json"), ": byte ", detections.find("[10,"),
                             ": detections[0].keypoints: expected 51 numbers (x, y, v of 17 keypoints), found 42"));
  // something broken in a field that nobody reads
  Write("dt.json", absl::StrReplaceAll(detections, {{"[{", "[{\"note\": nothing, "}}));
  ExpectRefusal(Score(), absl::StrCat(Path("dt.json"), ": byte 10: detections[0]: expected a value, found 'n'"));
  Write("dt.json", detections);
  Write("gt.json", absl::StrReplaceAll(Annotations(), {{"\"area\"", "\"note\": [1, 2}, \"area\""}}));
  ExpectRefusal(Score(), absl::StrCat(Path("gt.json"), ": byte ", Annotations().find("\"area\"") + 13,
                                      ": annotations[0]: expected ',' or ']', found '}'"));
  Write("gt.json", Annotations());
  // the annotations in the place of the detections
  Write("dt.json", Annotations());
  ExpectRefusal(Score(), absl::StrCat(Path("dt.json"), ": byte 0: detections: expected an array, found an object"));
  Write("dt.json", "");
  ExpectRefusal(Score(), absl::StrCat(Path("dt.json"), ": byte 0: expected a value, found the end of the file"));
}

TEST_F(PoseEval, RefusesWhatDoesNotFitTogether) {
  Write("gt.json", Annotations());
  Write("dt.json", absl::StrReplaceAll(Detections(), {{"\"image_id\": 1", "\"image_id\": 5"}}));
  ExpectRefusal(Score(), absl::StrCat(Path("dt.json"), ": detections[0]: image 5 is not among the 1 images of ",
                                      Path("gt.json")));
  ExpectRefusal(Run("score --gt=/nowhere.json --dt=/nowhere.json"),
                "/nowhere.json: cannot open: No such file or directory");
}

TEST_F(PoseEval, Explains) {
  Write("gt.json", Annotations());
  Write("dt.json", Detections());
  const std::string files = absl::StrCat("--gt=", Path("gt.json"), " --dt=", Path("dt.json"));
  const Outcome outcome =
      Run(absl::StrCat("explain ", files, " --json=", Path("why.json"), " --html=", Path("why.html")));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(outcome.out.substr(0, outcome.out.find('\n')), "AP is 1.0000: nothing is wrong.");
  EXPECT_NE(base::ReadFile(Path("why.json"))->find("\"kinds\": \"ggggggggggggggggg\""), std::string::npos);
  EXPECT_EQ(base::ReadFile(Path("why.html"))->find("<!DOCTYPE html>"), 0u);
  const std::string json = *base::ReadFile(Path("why.json"));
  for (const char* threads : {"1", "3"}) {
    EXPECT_EQ(Run(absl::StrCat("explain ", files, " --threads=", threads, " --json=", Path("why.json"))).out,
              outcome.out);
    EXPECT_EQ(*base::ReadFile(Path("why.json")), json);
  }
  ExpectRefusal(Run(absl::StrCat("explain ", files, " --drawn=d")), "--drawn: expected --images=DIR with it");
  ExpectRefusal(Run(absl::StrCat("explain ", files, " --images=d")),
                "--images: expected --html=OUT.html or --drawn=DIR with it");
}

TEST_F(PoseEval, ComparesTheSameBytesOnAnyNumberOfThreads) {
  Write("gt.json", Annotations());
  Write("dt.json", Detections());
  Write("none.json", "[]");
  const std::string files = absl::StrCat("compare --resamples=300 --gt=", Path("gt.json"), " --a=", Path("none.json"),
                                         " --b=", Path("dt.json"));
  const Outcome outcome = Run(absl::StrCat(files, " --threads=1 --json=", Path("one.json")));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("AP           0.0000   1.0000   +1.0000"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("speaks of evaluation images only"), std::string::npos);
  EXPECT_EQ(Run(absl::StrCat(files, " --threads=3 --json=", Path("three.json"))).exit_code, 0);
  EXPECT_EQ(*base::ReadFile(Path("one.json")), *base::ReadFile(Path("three.json")));
  ExpectRefusal(Run(files + " --seed=-1"), "--seed: expected 0 or more, found -1");
}

TEST_F(PoseEval, GatesAndRecordsBaselines) {
  Write("gt.json", Annotations());
  Write("dt.json", Detections());
  ASSERT_EQ(Score("--json=" + Path("score.json")).exit_code, 0);
  const std::string baseline = absl::StrCat("gate --baseline=", Path("baseline.textproto"));
  const std::string run = " --metrics=" + Path("score.json");
  const Outcome recorded =
      Run(absl::StrCat(baseline, " --update --commit=abc --tolerance=0.01", run, run, run, run, run));
  EXPECT_EQ(recorded.exit_code, 0) << recorded.error;
  EXPECT_NE(Run(baseline + run).out.find("the gate passes"), std::string::npos);
  // a worse result fails with 1, not 2: the command line was right
  Write("dt.json", "[]");
  ASSERT_EQ(Score("--json=" + Path("score.json")).exit_code, 0);
  const Outcome worse = Run(baseline + run);
  EXPECT_EQ(worse.exit_code, 1);
  EXPECT_NE(worse.out.find("WORSE"), std::string::npos) << worse.out;
  EXPECT_EQ(Run(baseline + " --update --commit=abc" + run).exit_code, 2);
}

TEST_F(PoseEval, RecordsTheWorkspacesCommit) {
  if (std::system("git --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no git";
  Write("score.json", R"({"names": ["AP"], "stats": [0.5]})");
  const std::string run = " --metrics=" + Path("score.json");
  const std::string update =
      absl::StrCat("gate --update --tolerance=0.01 --baseline=", Path("dated.textproto"), run, run, run, run, run);
  ExpectRefusal(Run(update, "env -u BUILD_WORKSPACE_DIRECTORY"),
                "--update: expected --commit=HASH with it, for there is no workspace to ask git about");
  // a folder whose name a shell would take apart
  const std::string workspace = Path("a \"w$HOME");
  setenv("WORKSPACE_OF_TEST", workspace.c_str(), 1);
  ASSERT_EQ(std::system("mkdir -p \"$WORKSPACE_OF_TEST\" && cd \"$WORKSPACE_OF_TEST\" && git init -q && "
                        "git -c user.name=n -c user.email=e commit -q --allow-empty -m m"),
            0);
  const std::string environment = "BUILD_WORKSPACE_DIRECTORY=\"$WORKSPACE_OF_TEST\"";
  const auto recorded = [&] {
    const Outcome outcome = Run(update, environment);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    const std::string text = *base::ReadFile(Path("dated.textproto"));
    const size_t begin = text.find("commit: \"");
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  const std::string clean = recorded();
  EXPECT_EQ(clean.size(), std::string("commit: \"0123456789ab\"").size()) << clean;
  ASSERT_EQ(std::system("touch \"$WORKSPACE_OF_TEST/new\""), 0);
  EXPECT_EQ(recorded(), clean.substr(0, clean.size() - 1) + " with uncommitted changes\"");
}

}  // namespace
