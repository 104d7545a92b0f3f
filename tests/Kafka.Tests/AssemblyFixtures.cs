using StreamObserve.Tests.Fixtures;

[assembly: AssemblyFixture(typeof(KafkaFixture))]
