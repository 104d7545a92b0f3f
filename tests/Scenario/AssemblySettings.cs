using Xunit.Sdk;
using Xunit.v3;

// The scenarios measure times and share two cores: one at a time.
[assembly: Parallelization(Mode = ParallelMode.None)]
