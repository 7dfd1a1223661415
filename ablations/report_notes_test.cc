#include "ablations/report_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ablations/report_fixture.h"
#include "absl/strings/str_join.h"

namespace grouppose {
namespace {

using experiments::Model;
using ::testing::HasSubstr;
using ::testing::Not;

class NotesTest : public ReportFixture {
 protected:
  static Change Scheme(Model::SelfAttention scheme, int64_t parameters, Model::InstanceQuery query = Model::EMBEDDING) {
    return [=](CellFiles* files) {
      files->experiment.mutable_model()->set_self_attention(scheme);
      files->experiment.mutable_model()->set_instance_query(query);
      files->metrics.set_attention_parameters(parameters);
    };
  }
  // Seeds 0 ... with these APs.
  void AddRow(const std::string& variant, const std::vector<double>& aps, const Change& change = {}) {
    for (size_t seed = 0; seed < aps.size(); ++seed) AddCell(variant, static_cast<int64_t>(seed), aps[seed], change);
  }

  std::string Notes(std::vector<std::string> (*notes_of)(const Study&, const Comparisons&)) {
    const Study study = MustRead("full");
    const auto comparisons = CompareWithBaseline(study, 10);
    EXPECT_TRUE(comparisons.ok()) << comparisons.status();
    return absl::StrJoin(notes_of(study, *comparisons), "\n");
  }
  std::string Budget() { return Notes(BudgetNotes); }
  std::string Effects() { return Notes(EffectNotes); }
  std::string Images() { return absl::StrJoin(ImageNotes(MustRead("full")), "\n"); }
};

TEST_F(NotesTest, SyntheticImagesSayWhichSetsTheyAre) {
  AddCell("full", 0, 0.4,
          [](CellFiles* files) { files->experiment.mutable_data()->mutable_synthetic()->set_test_seed(9); });
  EXPECT_EQ(
      Images(),
      "Reported on 40 test images (synthetic set 9). They are apart from the images that settings are tuned on and "
      "from those that models are trained on: tuning images are 250 of synthetic set 2, training images 4000 of "
      "set 1.");
}

TEST_F(NotesTest, ImagesThatAreNotApartAreCalledSo) {
  AddCell("full", 0, 0.4,
          [](CellFiles* files) { files->experiment.mutable_data()->mutable_synthetic()->set_test_seed(2); });
  EXPECT_THAT(Images(), HasSubstr("NOT apart"));
  cells_.clear();
  AddCell("full", 0, 0.4,
          [](CellFiles* files) { files->experiment.mutable_data()->mutable_synthetic()->set_test_seed(1); });
  EXPECT_THAT(Images(), HasSubstr("NOT apart")) << "those that are trained on";
  cells_.clear();
  AddCell("full", 0, 0.4, [](CellFiles* files) { files->experiment.mutable_data()->set_evaluation_split("tuning"); });
  EXPECT_THAT(Images(), HasSubstr("settings were chosen or models trained on"));
  cells_.clear();
  AddCell("full", 0, 0.4, [](CellFiles* files) {
    files->experiment.mutable_data()->set_source(experiments::Data::COCO);
    files->experiment.mutable_data()->set_evaluation_split("val");
  });
  EXPECT_THAT(Images(), HasSubstr("40 images of COCO's split 'val'"));
  EXPECT_THAT(Images(), HasSubstr("was chosen on the images reported here"));
  cells_.clear();
  AddCell("full", 0, 0.4, [](CellFiles* files) {
    files->experiment.mutable_data()->set_source(experiments::Data::COCO);
    files->experiment.mutable_data()->set_evaluation_split("train");
  });
  EXPECT_THAT(Images(), HasSubstr("which the models were trained on"));
}

TEST_F(NotesTest, OtherImagesAreNamed) {
  AddCellWithPoses("full", 0, People(5), {0, 0, 30, 0, 0});
  AddCellWithPoses("group", 0, People(6), {0, 0, 30, 0, 0, 0});
  EXPECT_THAT(Images(), HasSubstr("group: evaluated on other images than full"));
}

TEST_F(NotesTest, NoVariantAboveTheFloorIsTooLittle) {
  AddRow("full", {0.05, 0.06});
  AddRow("group", {0.099, 0.098});
  EXPECT_THAT(Budget(), HasSubstr("no variant reaches a mean AP of 0.10 (best: 0.099)"));
  AddRow("within", {0.1, 0.11});
  EXPECT_THAT(Budget(), Not(HasSubstr("no variant reaches")));
}

TEST_F(NotesTest, AnApThatStillRisesIsShortTraining) {
  // at half of the steps 0.95 of the final AP, and no evaluation between that and four fifths
  AddRow("full", {0.4});
  EXPECT_THAT(Budget(), Not(HasSubstr("Training is short")));
  AddCell("group", 0, 0.4, [](CellFiles* files) {
    files->metrics.mutable_evaluations(0)->mutable_values(0)->set_value(0.35);
    // within the last fifth: says nothing of where AP stood before
    AddEvaluation(20, 0.4, &files->metrics);
    files->metrics.mutable_evaluations(1)->set_step(17);
  });
  EXPECT_THAT(Budget(), HasSubstr("of its final value for group (0.350 at step 10, 0.400 at step 20)"));
}

TEST_F(NotesTest, AnApMeasuredOnceMayHaveBeenRising) {
  AddCell("full", 0, 0.4, [](CellFiles* files) { files->metrics.mutable_evaluations()->DeleteSubrange(0, 1); });
  EXPECT_THAT(Budget(), HasSubstr("Whether AP had stopped rising is not known"));
}

TEST_F(NotesTest, AnIntervalWiderThanTheEffectIsInconclusive) {
  AddRow("full", {0.40, 0.40, 0.40});
  // differences 0, 0.02, 0.04: mean and deviation 0.02, seven seeds by SciPy (base/statistics_test)
  AddRow("group", {0.40, 0.42, 0.44});
  EXPECT_THAT(Budget(), HasSubstr("group against full is inconclusive: the interval is wider (±0.050) than the effect "
                                  "(+0.020) at 3 seeds. Should mean and spread of the differences stay as they are, 7 "
                                  "seeds would separate the two."));
  AddRow("within", {0.40, 0.50, 0.305});
  EXPECT_THAT(Budget(), HasSubstr("not even 100 seeds would separate the two"));
}

TEST_F(NotesTest, TwoSeedsHaveNoVerdict) {
  AddRow("full", {0.4, 0.4});
  AddRow("group", {0.5, 0.51});
  EXPECT_THAT(Budget(), HasSubstr("No verdict (n/a) below 3 seeds in common with the baseline: group (2)."));
}

TEST_F(NotesTest, ManyComparisonsAreSaidNotToBeCorrectedFor) {
  AddRow("full", {0.40, 0.40, 0.40});
  AddRow("group", {0.60, 0.61, 0.62});  // p = 0.0008
  EXPECT_THAT(Budget(), Not(HasSubstr("are compared"))) << "one comparison";
  AddRow("within", {0.43, 0.45, 0.46});  // p = 0.035; of four, three times that
  AddRow("across", {0.43, 0.45, 0.46});
  AddRow("none", {0.40, 0.42, 0.44});
  EXPECT_THAT(Budget(),
              HasSubstr("4 variants are compared with the baseline. Intervals and verdicts are not corrected"));
  EXPECT_THAT(Budget(), HasSubstr("(p (Holm) is not below 0.05): within and across."));
}

TEST_F(NotesTest, IdentityIsTheSuspectWhereNoControlIs) {
  AddRow("full", {0.2, 0.2, 0.2}, Scheme(Model::FULL, 100));
  AddRow("group", {0.4, 0.41, 0.42}, Scheme(Model::GROUP, 200));
  EXPECT_THAT(Effects(), HasSubstr("the difference of group to full (FULL) counts as an effect of instance identity"));
  EXPECT_THAT(Effects(), HasSubstr("This study has no such control"));
  EXPECT_THAT(Effects(), HasSubstr("2 times as many in group. This study has no control for that"));
}

TEST_F(NotesTest, ControlsSayWhatIsLeft) {
  AddRow("full", {0.2, 0.2, 0.2}, Scheme(Model::FULL, 100));
  AddRow("group", {0.4, 0.41, 0.42}, Scheme(Model::GROUP, 200));
  AddRow("full_with", {0.4, 0.4, 0.4}, Scheme(Model::FULL, 100, Model::EMBEDDING_PLUS_MEMORY));
  AddRow("group_with", {0.38, 0.41, 0.42}, Scheme(Model::GROUP, 200, Model::EMBEDDING_PLUS_MEMORY));
  AddRow("twice", {0.19, 0.2, 0.2}, Scheme(Model::FULL_2X, 200));
  const std::string notes = Effects();
  EXPECT_THAT(notes,
              HasSubstr("without and with content (there, to full_with): group +0.210 and +0.003 [-0.048, +0.055] "
                        "(inconclusive), content takes away +0.207 [+0.178, +0.235]. Inconclusive does not say"));
  EXPECT_THAT(notes, HasSubstr("No such control for twice: the difference cannot be told from one of identity."));
  EXPECT_THAT(notes, HasSubstr("twice (FULL_2X, two full attentions) against full is -0.003 ["));
  EXPECT_THAT(notes, HasSubstr("(model.self_attention and model.instance_query) in group_with: a difference"));
}

TEST_F(NotesTest, SchemesThatBothLookWithinAnInstanceNeedNoIdentityControl) {
  AddRow("full", {0.4}, Scheme(Model::WITHIN, 100));
  AddRow("group", {0.4}, Scheme(Model::GROUP, 200));
  EXPECT_THAT(Effects(), Not(HasSubstr("identity")));
  AddRow("across", {0.2}, Scheme(Model::ACROSS, 100));
  EXPECT_THAT(Effects(),
              HasSubstr("the difference of across to full (WITHIN) counts as an effect of instance identity"));
}

TEST_F(NotesTest, ABaselineWithContentNeedsNoIdentityControl) {
  AddRow("full", {0.4}, Scheme(Model::FULL, 100, Model::EMBEDDING_PLUS_MEMORY));
  AddRow("group", {0.4}, Scheme(Model::GROUP, 100, Model::EMBEDDING_PLUS_MEMORY));
  EXPECT_THAT(Effects(), Not(HasSubstr("identity")));
}

TEST_F(NotesTest, OtherStudiesHaveOtherSuspects) {
  const auto model = [](int layers, int64_t parameters) {
    return [=](CellFiles* files) {
      files->experiment.mutable_model()->set_decoder_layers(layers);
      files->metrics.set_trainable_parameters(parameters);
      files->provenance.set_initial_checkpoint_sha256("a");
    };
  };
  AddRow("full", {0.4}, model(2, 1000));
  AddRow("deep", {0.4}, model(3, 1500));
  AddRow("long", {0.4}, [&](CellFiles* files) {
    model(2, 1000)(files);
    files->metrics.set_training_steps(40);
    files->provenance.set_initial_checkpoint_sha256("b");
  });
  AddRow("batch", {0.4}, [&](CellFiles* files) {
    model(2, 1000)(files);
    files->experiment.mutable_training()->set_batch_size(3);
  });
  AddRow("same", {0.4}, model(2, 1000));
  AddRow("loss", {0.4}, [&](CellFiles* files) {
    model(2, 1000)(files);
    files->experiment.mutable_loss()->set_oks_weight(0);
  });
  AddRow("cost", {0.4}, [&](CellFiles* files) {
    model(2, 1000)(files);
    files->experiment.mutable_loss()->set_oks_cost(0);
  });
  const std::string notes = Effects();
  EXPECT_THAT(notes, Not(HasSubstr("identity")));
  EXPECT_THAT(notes, HasSubstr("Trainable parameters differ: full 1000, deep 1500."));
  EXPECT_THAT(notes, HasSubstr("long and batch: trained on another number of images than full"));
  EXPECT_THAT(notes, HasSubstr("long: started from other weights than full"));
  EXPECT_THAT(notes, HasSubstr("same and full are the same experiment"));
  EXPECT_THAT(notes, HasSubstr("deep and loss: the loss is a sum of other terms or weights"));
}

}  // namespace
}  // namespace grouppose
