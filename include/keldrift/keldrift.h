/// keldrift: quantum kinetic equations in time.
///
/// The stages of a run, in order:
///
///   scenario     what the user asked for, units resolved
///   model        H(k), r(k), v(k) in the orbital basis
///   field        the uniform electric field E(t)
///   space        the R grid and the potential energy U(R, t)
///   state        f(k,t) or f(R,k,t), the initial states, the contacts
///   collision    the collision operator
///   propagator   integration in time
///   observables  traces and snapshots
///   output       the result file
///   checkpoint   what a run goes on from, made of records
///   run          all of it, on one or many processes (comm)
///   steady       linear response to a constant field, beside it
///   sweep        a run for each of many values
///   templates    scenarios to start from
///
/// The array shapes are explained at the top of model.h.
#ifndef KELDRIFT_KELDRIFT_H
#define KELDRIFT_KELDRIFT_H

#include "keldrift/checkpoint.h"
#include "keldrift/collision.h"
#include "keldrift/comm.h"
#include "keldrift/contacts.h"
#include "keldrift/field.h"
#include "keldrift/model.h"
#include "keldrift/observables.h"
#include "keldrift/output.h"
#include "keldrift/propagator.h"
#include "keldrift/record.h"
#include "keldrift/run.h"
#include "keldrift/scenario.h"
#include "keldrift/space.h"
#include "keldrift/state.h"
#include "keldrift/status.h"
#include "keldrift/steady.h"
#include "keldrift/sweep.h"
#include "keldrift/templates.h"
#include "keldrift/version.h"

#endif
