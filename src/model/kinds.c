#include "model/kinds.h"

const kd_variant *const kd_model_variants[] = {&kd_model_chain.variant,
                                               &kd_model_square.variant,
                                               &kd_model_cubic.variant,
                                               &kd_model_ssh.variant,
                                               &kd_model_graphene.variant,
                                               &kd_model_haldane.variant,
                                               &kd_model_dirac1d.variant,
                                               &kd_model_dirac2d.variant,
                                               &kd_model_parabolic.variant,
                                               &kd_model_rashba.variant,
                                               &kd_model_tight_binding.variant,
                                               &kd_model_wannier90.variant,
                                               NULL};
