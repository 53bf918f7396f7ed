using Woodgrove.Citus.Ingest.Rejects;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>A worker refused a record that a higher validation level rejects: the batch is retried at that level.</summary>
internal sealed class ValidationNeededException(RecordRefusedException refused) : Exception(refused.Message, refused);
