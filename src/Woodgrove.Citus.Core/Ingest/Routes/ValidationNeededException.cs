using Woodgrove.Citus.Ingest.Rejects;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>A worker refused a record that others would let be set aside: the batch is to be begun again with more care.</summary>
internal sealed class ValidationNeededException(RecordRefusedException refused) : Exception(refused.Message, refused);
