namespace Woodgrove.Citus.Values;

/// <summary>What a value looks like, the narrowest first.</summary>
internal enum ValueKind
{
    Boolean,
    Integer,

    /// <summary>Digits with zeros before them, such as a postcode: an integer's input takes it, and loses the zeros.</summary>
    PaddedInteger,
    Numeric,
    Double,
    Uuid,
    Date,
    Timestamp,
    TimestampTz,
    Json,
    Text,
}
