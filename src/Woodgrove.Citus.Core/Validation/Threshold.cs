namespace Woodgrove.Citus.Validation;

/// <param name="Meaning">What it is a limit of, with its unit.</param>
internal sealed record Threshold(double Default, string Meaning);
